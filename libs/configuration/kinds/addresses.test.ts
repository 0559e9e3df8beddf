// Which hosts are this machine, which are not the public internet, and which URLs are refused.
import { expect, test } from "vitest";
import { isLoopbackHost, isPrivateHost, parseHttpUrl } from "./addresses.ts";

test.each([
	["127.0.0.1", true, true],
	["127.255.0.1", true, true],
	["[::1]", true, true],
	["localhost", true, true],
	["a.localhost", true, true],
	["localhost.example.com", false, false],
	["10.1.2.3", false, true],
	["172.16.0.1", false, true],
	["172.32.0.1", false, false],
	["192.168.1.1", false, true],
	["169.254.169.254", false, true],
	["100.64.0.1", false, true],
	["0.0.0.0", false, true],
	["224.0.0.1", false, true],
	["255.255.255.255", false, true],
	["[::]", false, true],
	["[fd00::1]", false, true],
	["[fe80::1]", false, true],
	["[ff02::1]", false, true],
	["[::ffff:10.0.0.1]", false, true],
	["[::ffff:7f00:1]", true, true],
	["[2001:db8::1]", false, false],
	["[::ffff:8.8.8.8]", false, false],
	["8.8.8.8", false, false],
	["api.example.com", false, false],
])("%s: this machine %s, private %s", (host, isLoopback, isPrivate) => {
	expect([isLoopbackHost(host), isPrivateHost(host)]).toEqual([isLoopback, isPrivate]);
});

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
])("refused: %s", (text) => {
	expect(parseHttpUrl(text, { plain: false })).toBeTypeOf("string");
});
