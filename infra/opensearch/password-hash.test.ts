// Hashes made in Node are the ones that the plugin's own tool makes.
import { expect, it } from "vitest";
import { hashPassword } from "./password-hash.ts";

/** Written by `org.opensearch.security.tools.Hasher -p abc -a PBKDF2` of the plugin's version 3.4.0.0. */
const byTheTool =
	"$3$2576980377600256$NmmINp6FZ05tJ/E73UwUzmtllNEUNQl5302BmJDHv7HE3buImQHp49FnLTwuEYMdMDLRxBK3oGsecinK1Sd+56vtk5WZG/OWUr9sCHovbddc2KA47+bswM3fB3cL2ucetfZSl9lm2fdEbpAVqKb9q/rOFQBTJO3VPDdksLBd5kk=$bUq0Nmj7h0u3IJlE6rYIkr3vHUWTQphGmF0CyR0Y3k4=";

it("is what the plugin's tool writes for the same password and salt", async () => {
	const salt = Buffer.from(byTheTool.split("$")[3] ?? "", "base64");
	expect(await hashPassword("abc", salt)).toBe(byTheTool);
});

it("is another each time, for the salt is", async () => {
	expect(await hashPassword("abc")).not.toBe(await hashPassword("abc"));
});
