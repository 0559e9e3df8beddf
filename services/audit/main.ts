// The audit process: everything that happened goes on the record; auditors read it.
import { readFileSync } from "node:fs";
import { followConfiguration } from "#libs/configuration/follow-configuration.ts";
import { createAuthenticator } from "#libs/identity/authenticate.ts";
import { watchIssuers } from "#libs/identity/watch-issuers.ts";
import { QUERY_DETECTORS } from "#libs/masking/detectors.ts";
import { compileMask } from "#libs/masking/mask.ts";
import { keyText } from "#libs/merkle/signed-note.ts";
import { openStore } from "#libs/proof/open-store.ts";
import { systemClock } from "#libs/service/clock.ts";
import { readConfig } from "#libs/service/config.ts";
import { createHttp } from "#libs/service/http.ts";
import { createMetrics } from "#libs/service/metrics.ts";
import { tellRefusals } from "#libs/service/refusal-events.ts";
import { runService } from "#libs/service/run.ts";
import { connectServiceBus } from "#libs/service/service-bus.ts";
import { readCheckpointKeys } from "#libs/service/service-keys.ts";
import { createAuditors } from "./auditors.ts";
import { keepBuilt } from "./build-stories.ts";
import { compareRecord } from "./compare-record.ts";
import { AuditConfig } from "./config.ts";
import { connectOpenSearch } from "./connect-opensearch.ts";
import { createCounters } from "./count.ts";
import { Following } from "./follow-record.ts";
import { createOpenSearchIndex } from "./index-opensearch.ts";
import { addAuditApi } from "./listen-http.ts";
import { addAuditPage } from "./listen-page.ts";
import { createAuditLog, IndexNotReady } from "./log.ts";
import { watchIndexDurability } from "./opensearch-durability.ts";
import { openSignIn } from "./page/sign-in.ts";
import { readWitnesses, Witnesses } from "./proof/ask-witnesses.ts";
import { keepTree } from "./proof/keep-tree.ts";
import { createProofLog, createProofMetrics, createWitnessLog, createWitnessMetrics } from "./proof/tell.ts";
import { createRecorder } from "./record-event.ts";
import { createRecordReader, readBackingIndices } from "./search-opensearch.ts";
import { createStoryReader } from "./search-stories-opensearch.ts";
import { startAudit, treeDefault } from "./service.ts";
import { createOpenSearchStories } from "./stories-opensearch.ts";

/** What an auditor may have pasted into a search. */
const queryMask = compileMask({ paths: {}, detect: QUERY_DETECTORS });

runService("audit", async (log, environment) => {
	const config = readConfig(AuditConfig, environment);
	const { requestTimeoutMs, openSearchUrl: url } = config;
	const ca = config.openSearchCaFile === undefined ? undefined : readFileSync(config.openSearchCaFile, "utf8");
	const connect = (username: string, password: string) => connectOpenSearch({ url, ca, requestTimeoutMs, username, password });
	const writing = connect(config.writerUser, config.writerPassword);
	const telling = connect(config.storyWriterUser, config.storyWriterPassword);
	const reading = connect(config.readerUser, config.readerPassword);
	const reader = createRecordReader(reading);
	const stories = createOpenSearchStories(telling);
	const index = createOpenSearchIndex({ connection: writing, recorded: reader.recorded, backing: () => readBackingIndices(reading) });

	const metrics = createMetrics("audit");
	const { bus, stream } = await connectServiceBus("audit", config, { log, metrics });
	const counters = createCounters(metrics, systemClock.now, () => bus.backlog());
	let authenticator = createAuthenticator([]);
	let warnings = watchIssuers([]);
	const configuration = await followConfiguration(
		bus,
		(activated) => {
			authenticator = createAuthenticator(activated.issuers);
			warnings = watchIssuers(activated.issuers);
			log.info({ revision: activated.revision }, "configuration in force");
		},
		(error) => log.error({ error }, "a configuration could not be followed"),
	);
	const record = await compareRecord({ bus, reader, index });
	const indexDurability = watchIndexDurability(reading);
	const recorder = createRecorder({
		index: record.index,
		stories,
		say: bus.publish.bind(bus),
		now: systemClock.now,
		log: createAuditLog(log),
		metrics: counters,
	});
	const building = keepBuilt({ reader, stories, onBuilt: (events) => log.info({ events }, "stories were built from the record") });
	const consumption = await startAudit(bus, recorder, { eventsMax: config.batchEventsMax, waitMs: config.batchWaitMs });

	const origin = config.proofOrigin;
	const signers = readCheckpointKeys(config.checkpointKeys, origin);
	const treeParts = { origin, signers, store: await openStore(config.proofStore, environment) };
	const witnesses = readWitnesses(config.witnesses);
	const tree = keepTree({
		...{ ...treeParts, bus, now: systemClock.now, log: createProofLog(log), metrics: createProofMetrics(metrics) },
		witnesses: new Witnesses({ ...treeParts, witnesses, log: createWitnessLog(log), metrics: createWitnessMetrics(metrics) }),
		terms: { ...treeDefault, signWithinMs: config.signWithinMs, signEveryMs: config.signEveryMs },
	});

	const ready = {
		events: stream.checkReady,
		configuration: () => configuration.checkReady(),
		index: async () => IndexNotReady.throwIf(recorder.trouble()),
		proof: () => tree.checkReady(),
	};
	const durability = () => ({ ...stream.durability(), index: indexDurability.found() });
	const http = createHttp({ log, metrics, ready, warnings: () => warnings(), durability, bodyBytesMax: 1_024 });
	const strangers = tellRefusals("control.authentication.failed", "audit", { bus, log });
	const refused = tellRefusals("control.record.refused", "audit", { bus, log });
	const reads = {
		...{ reader, storyReader: createStoryReader(reading), strangers, refused },
		auditors: createAuditors((name) => configuration.current().group(name)),
		say: bus.publish.bind(bus),
		now: systemClock.now,
		maskText: (text: string) => queryMask.maskText(text).text,
		authenticate: (authorization: readonly string[]) => authenticator.authenticate(authorization),
	};
	await addAuditApi(http, { ...reads, following: new Following({ settled: () => bus.settled(), refresh: () => reader.refresh() }) });
	await addAuditPage(http, {
		...reads,
		signIn: openSignIn(config),
		keys: signers.map((signer) => keyText(signer)),
		store: treeParts.store,
	});
	await http.listen({ host: config.host, port: config.port });
	return {
		broken: Promise.race([stream.lost, record.lost, tree.lost]),
		stop: async () => {
			stream.stop();
			record.stop();
			indexDurability.stop();
			building.stop();
			await http.close();
			await Promise.all([strangers.close(), refused.close()]);
			await Promise.all([consumption.stop(), tree.stop()]);
			await bus.close();
			await Promise.all([writing.close(), telling.close(), reading.close()]);
		},
	};
});
