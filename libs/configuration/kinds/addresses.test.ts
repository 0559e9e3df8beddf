// Which URLs are refused where people write them.
import { expect, test } from "vitest";
import { parseHttpUrl } from "./addresses.ts";

test.each(["http://0x7f.1", "http://127.1", "http://2130706433", "http://localhost:8080/a"])("ways of writing this machine: %s", (text) => {
	expect(parseHttpUrl(text, { plain: false })).toBeInstanceOf(URL);
});

test.each([
	"ftp://api.example.com",
	"javascript:alert(1)",
	"api.example.com",
	"https:api.example.com",
	"https://",
	"http://api.example.com",
	"http://127.0.0.1.example.com",
	"https://user@api.example.com",
	"https://api.example.com/a?b",
	"https://api.example.com/a?",
	"https://api.example.com/a#",
	"https://api.example.com/a/../b",
	"https://api.example.com/a/%2e%2e/b",
	"https://api.example.com/a%2Fb",
	"https://api.example.com\\@evil.example.com",
	" https://api.example.com",
	"https://169.254.169.254",
	"https://0xa9fea9fe",
	"https://[64:ff9b::169.254.169.254]",
	"https://[2001:db8::1]",
	"https://198.18.0.1",
])("refused: %s", (text) => {
	expect(parseHttpUrl(text, { plain: false })).toBeTypeOf("string");
});
