// Which addresses may be dialled, in every way of writing them.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileAddressPolicy, FORBIDDEN_ADDRESSES, resolveAddress } from "./resolve-address.ts";

const narrow = compileAddressPolicy({});
const wide = compileAddressPolicy({ allowLoopback: true, allowPrivate: true });

describe("addresses", () => {
	const cases: [address: string, narrow: boolean, wide: boolean][] = [
		["93.184.216.34", true, true],
		["2606:2800:220:1::1", true, true],
		["127.0.0.1", false, true],
		["127.255.255.254", false, true],
		["::1", false, true],
		["10.1.2.3", false, true],
		["172.16.0.1", false, true],
		["172.32.0.1", true, true],
		["192.168.1.1", false, true],
		["100.64.0.1", false, true],
		["fd12:3456::1", false, true],
		["::ffff:10.0.0.1", false, true],
		["::ffff:127.0.0.1", false, true],
		["::ffff:93.184.216.34", true, true],
		["169.254.169.254", false, false],
		["169.254.0.1", false, false],
		["::ffff:169.254.169.254", false, false],
		["::ffff:a9fe:a9fe", false, false],
		["::169.254.169.254", false, false],
		["64:ff9b::a9fe:a9fe", false, false],
		["64:ff9b:1::a9fe:a9fe", false, false],
		["2002:a9fe:a9fe::1", false, false],
		["fe80::1", false, false],
		["fe80::1%eth0", false, false],
		["febf::1", false, false],
		["fd00:ec2::254", false, false],
		["fd20:ce::254", false, false],
		["100.100.100.200", false, false],
		["168.63.129.16", false, false],
		["0.0.0.0", false, false],
		["0.1.2.3", false, false],
		["::", false, false],
		["224.0.0.1", false, false],
		["ff02::1", false, false],
		["255.255.255.255", false, false],
		["not an address", false, false],
		["", false, false],
	];
	test.each(cases)("%s", (address, byNarrow, byWide) => {
		expect([narrow(address), wide(address)]).toEqual([byNarrow, byWide]);
	});

	test("no way of writing an IPv4 address into an IPv6 one says more than the address itself", () => {
		const octet = fc.integer({ min: 0, max: 255 });
		fc.assert(
			fc.property(octet, octet, octet, octet, fc.constantFrom("::ffff:", "64:ff9b::"), (a, b, c, d, prefix) => {
				const plain = `${a}.${b}.${c}.${d}`;
				expect(wide(prefix + plain)).toBe(wide(plain));
				expect(narrow(prefix + plain)).toBe(narrow(plain));
			}),
		);
	});

	test("an own list replaces the default one; a list that is none is refused", () => {
		const policy = compileAddressPolicy({ forbiddenAddresses: [...FORBIDDEN_ADDRESSES, "93.184.216.0/24"] });
		expect([policy("93.184.216.34"), policy("93.184.217.34")]).toEqual([false, true]);
		for (const block of ["93.184.216.34", "x/8", "1.2.3.4/33", "::1/129", ""]) {
			expect(() => compileAddressPolicy({ forbiddenAddresses: [block] })).toThrow(RangeError);
		}
	});
});

test("a name with one forbidden address is forbidden whole", async () => {
	const lookup = async () => [
		{ address: "93.184.216.34", family: 4 },
		{ address: "fe80::1", family: 6 },
	];
	await expect(resolveAddress("mixed.test", narrow, lookup)).rejects.toMatchObject({ code: "address_forbidden", sent: false });
});

test("an address literal is not looked up", async () => {
	const lookup = () => Promise.reject(new Error("looked up"));
	expect(await resolveAddress("93.184.216.34", narrow, lookup)).toEqual([{ address: "93.184.216.34", family: 4 }]);
});
