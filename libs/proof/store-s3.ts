// The record's tree in S3-compatible storage: created once by the condition `If-None-Match: *`, which is tried before it is relied on.
import { randomUUID } from "node:crypto";
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client, S3ServiceException } from "@aws-sdk/client-s3";
import { checkObjectName, type ProofStore, StoreUnavailable } from "./store.ts";

/** Milliseconds. The client tries three times, so whoever waits waits three times as long. */
const connectMs = 3_000;
const answerMs = 10_000;

export interface S3Place {
	readonly bucket: string;
	/** Empty, or with a `/` at its end. */
	readonly prefix: string;
	/** Buckets are part of the path then, as those servers want them, and not of the host. */
	readonly isOwnEndpoint: boolean;
}

/**
 * Region, endpoint and credentials are found where the AWS SDK finds them: `AWS_REGION`, `AWS_ENDPOINT_URL_S3`, `AWS_ACCESS_KEY_ID`, a profile,
 * the machine's or the pod's role.
 *
 * Objects are durable when they are said to be: so S3 promises. Conditional writes are as AWS documents them since 2024
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html); storage that takes no notice of the condition is refused.
 */
export function createS3Store({ bucket, prefix, isOwnEndpoint }: S3Place): ProofStore {
	const client = new S3Client({
		forcePathStyle: isOwnEndpoint,
		requestHandler: { connectionTimeout: connectMs, requestTimeout: answerMs, throwOnRequestTimeout: true },
	});
	const objectOf = (name: string) => ({ Bucket: bucket, Key: `${prefix}${checkObjectName(name)}` });
	const createAt = async (object: { Bucket: string; Key: string }, bytes: Uint8Array): Promise<boolean> => {
		try {
			await client.send(new PutObjectCommand({ ...object, Body: bytes, IfNoneMatch: "*" }));
			return true;
		} catch (error) {
			if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 412) return false;
			throw unavailable(bucket, error);
		}
	};
	let tried: Promise<void> | undefined;
	/** Two writers who are both told that they were first would each go on with a tree of their own. */
	const tryCondition = async (): Promise<void> => {
		const object = objectOf(`probe/${randomUUID()}`);
		await createAt(object, Buffer.from("first"));
		const isSecondToo = await createAt(object, Buffer.from("second"));
		await client.send(new DeleteObjectCommand(object)).catch((error: unknown) => {
			throw unavailable(bucket, error);
		});
		if (isSecondToo)
			throw new StoreUnavailable(
				`the storage of bucket ${bucket} overwrites an object although it is asked not to (If-None-Match: *): the record's tree needs one that does not`,
			);
	};
	return {
		async create(name, bytes) {
			const object = objectOf(name);
			tried ??= tryCondition();
			try {
				await tried;
			} catch (error) {
				tried = undefined;
				throw error;
			}
			return await createAt(object, bytes);
		},
		async put(name, bytes) {
			const object = objectOf(name);
			await client.send(new PutObjectCommand({ ...object, Body: bytes })).catch((error: unknown) => {
				throw unavailable(bucket, error);
			});
		},
		async get(name) {
			const object = objectOf(name);
			try {
				const { Body } = await client.send(new GetObjectCommand(object));
				return Buffer.from((await Body?.transformToByteArray()) ?? []);
			} catch (error) {
				if (error instanceof S3ServiceException && error.name === "NoSuchKey") return undefined;
				throw unavailable(bucket, error);
			}
		},
		async remove(name) {
			const object = objectOf(name);
			await client.send(new DeleteObjectCommand(object)).catch((error: unknown) => {
				throw unavailable(bucket, error);
			});
		},
	};
}

/** Names and codes: what a server says in words may hold anything. */
function unavailable(bucket: string, error: unknown): StoreUnavailable {
	const name = error instanceof Error ? error.name : "unknown";
	const status = error instanceof S3ServiceException ? ` ${error.$metadata.httpStatusCode ?? ""}` : "";
	const code = error instanceof Error && "code" in error && typeof error.code === "string" ? ` ${error.code}` : "";
	return new StoreUnavailable(`the bucket ${bucket} cannot be used (${name}${status}${code})`, { cause: error });
}
