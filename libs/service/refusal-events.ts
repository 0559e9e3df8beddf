// Refusals that go on the record although no call came of them: told beside the request, never in its way, and not one is dropped.
import type { Bus } from "#libs/bus/bus.ts";
import type { Service } from "#libs/contracts/define-event.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { Event } from "#libs/contracts/events.ts";
import { Tally } from "./tally.ts";

type RefusalType = "control.authentication.failed" | "control.vote.refused" | "control.record.refused";
/** Such an event without its number. */
export type RefusalOf<Type extends RefusalType> = Omit<Event<Type>["data"], "count">;
export type RefusalTally<Type extends RefusalType> = Pick<Tally<RefusalOf<Type>>, "note">;

/** Each stands for those of its type that are too many to be told apart. */
const rest: { readonly [Type in RefusalType]: RefusalOf<Type> } = {
	"control.authentication.failed": { refusal: "various" },
	"control.vote.refused": { refusal: "various", via: "api" },
	"control.record.refused": {},
};

/** While NATS is away they are counted, and told when it is back. `close` before the bus. */
export function tellRefusals<Type extends RefusalType>(
	type: Type,
	service: Service,
	bus: Pick<Bus, "publish">,
	now?: () => Date,
): Tally<RefusalOf<Type>> {
	return new Tally<RefusalOf<Type>>({
		rest: rest[type],
		...(now && { now }),
		tell: ({ about, count, id, at }) => bus.publish(newEvent(service, type, { ...about, count } as Event<Type>["data"], { at, nth: id })),
	});
}
