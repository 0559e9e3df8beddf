// One dialer for functions of every protocol: each call goes to the one that speaks its function's.
import type { Written } from "#libs/functions/transport.ts";
import type { Dialer } from "./ports.ts";

export function chooseDialer(dialers: Readonly<Record<Written["protocol"], Dialer>>): Dialer {
	return {
		prepare: (asked, credential) => dialers[asked.written.protocol].prepare(asked, credential),
		close: async () => {
			await Promise.all(Object.values(dialers).map((dialer) => dialer.close()));
		},
	};
}
