// What a name leads to is checked whole, however its addresses are written.
import { expect, test } from "vitest";
import { mayDial, resolveAddress } from "./resolve-address.ts";

const answering =
	(...addresses: string[]) =>
	async () =>
		addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));

test("each place is opened by its own option; never by none", () => {
	const places = ["public", "private", "loopback", "never"] as const;
	const allowed = (policy: Parameters<typeof mayDial>[1]) => places.filter((place) => mayDial(place, policy));
	expect(allowed({})).toEqual(["public"]);
	expect(allowed({ allowPrivate: true })).toEqual(["public", "private"]);
	expect(allowed({ allowLoopback: true })).toEqual(["public", "loopback"]);
	expect(allowed({ allowLoopback: true, allowPrivate: true })).toEqual(["public", "private", "loopback"]);
});

test("a name with one forbidden address is forbidden whole", async () => {
	const lookup = answering("93.184.216.34", "fe80::1");
	await expect(resolveAddress("mixed.test", {}, lookup)).rejects.toMatchObject({ code: "address_forbidden" });
});

test("an address literal is not looked up", async () => {
	const lookup = () => Promise.reject(new Error("looked up"));
	expect(await resolveAddress("93.184.216.34", {}, lookup)).toEqual([{ address: "93.184.216.34", family: 4 }]);
});

test.each(["0x7f.1", "127.1", "2130706433", "0177.0.0.1", "localhost", "localhost."])(
	"%s is a name for the system's resolver, and what it says is checked",
	async (name) => {
		await expect(resolveAddress(name, {})).rejects.toMatchObject({
			code: expect.stringMatching(/^(?:address_forbidden|dns_failed)$/),
		});
	},
);
