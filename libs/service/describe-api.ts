// A port with an API describes itself: an OpenAPI document made of its routes' schemas, at /openapi.json.
import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";

/** Call before the routes are added. */
export async function describeApi(http: FastifyInstance, { title, description }: { title: string; description: string }): Promise<void> {
	await http.register(swagger, {
		openapi: {
			openapi: "3.1.0",
			info: {
				title,
				version: "1",
				description: `${description} Every refusal is application/problem+json (RFC 9457) with a stable \`code\`.`,
			},
			components: { securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } } },
		},
	});
	http.get("/openapi.json", { schema: { hide: true } as object }, async () => http.swagger());
}

/** For a route that has a caller. */
export const security = [{ bearer: [] }];

export const anyJson = { type: "object", additionalProperties: true };

const problem = { description: "a problem (RFC 9457)", content: { "application/problem+json": { schema: anyJson } } };
export const problemAnswers = { "4xx": problem, "5xx": problem };
