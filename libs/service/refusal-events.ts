// Refusals that go on the record although no call came of them: told beside the request, never in its way, and not one is dropped.
import type { Bus } from "#libs/bus/bus.ts";
import type { Service } from "#libs/contracts/define-event.ts";
import { MalformedEvent, newEvent } from "#libs/contracts/envelope.ts";
import type { Event } from "#libs/contracts/events.ts";
import { Tally } from "./tally.ts";

type RefusalType = "control.authentication.failed" | "control.vote.refused" | "control.record.refused" | "control.function.quarantined";
/** Such an event without its number. */
export type RefusalOf<Type extends RefusalType> = Omit<Event<Type>["data"], "count">;
export type RefusalTally<Type extends RefusalType> = Pick<Tally<RefusalOf<Type>>, "note">;

/** Each stands for those of its type that are too many to be told apart. */
const rest: { readonly [Type in RefusalType]: RefusalOf<Type> } = {
	"control.authentication.failed": { refusal: "various" },
	"control.vote.refused": { refusal: "various", via: "api" },
	"control.record.refused": {},
	"control.function.quarantined": { connection: "various", function: "various", changed: [] },
};

interface RefusalPorts {
	readonly bus: Pick<Bus, "publish">;
	readonly log: { error(about: object, message: string): void };
	readonly now?: () => Date;
}

/** While NATS is away they are counted, and told when it is back. `close` before the bus. */
export function tellRefusals<Type extends RefusalType>(
	type: Type,
	service: Service,
	{ bus, log, now }: RefusalPorts,
): Tally<RefusalOf<Type>> {
	return new Tally<RefusalOf<Type>>({
		rest: rest[type],
		...(now && { now }),
		tell: async ({ about, count, id, at }) => {
			const say = async (what: RefusalOf<Type>) =>
				await bus.publish(newEvent(service, type, { ...what, count } as Event<Type>["data"], { at, nth: id }));
			await say(about).catch(async (error: unknown) => {
				if (!(error instanceof MalformedEvent)) throw error;
				// It would be refused as often as it were told, and everything behind it would wait.
				log.error({ error, event: type }, "a refusal cannot be said as an event: only its number is on the record");
				await say(rest[type]);
			});
		},
	});
}
