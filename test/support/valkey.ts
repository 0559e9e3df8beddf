// The stack's Valkey, as whoever runs it reaches it.
import { Redis } from "ioredis";
import { stack } from "./stack.ts";

export async function createClient(): Promise<Redis> {
	const client = new Redis(stack.urls.valkey, { lazyConnect: true, maxRetriesPerRequest: 1 });
	client.on("error", () => undefined);
	await client.connect();
	return client;
}
