// What the demo bank's operations do: a few accounts with personal data in them, so that masking has something to mask.
import { randomUUID } from "node:crypto";

/** A request that passed the document's schemas. */
export type BankRequest = {
	readonly params: Readonly<Record<string, string>>;
	readonly query: Readonly<Record<string, unknown>>;
	readonly body: unknown;
};

export type BankAnswer = { readonly status: number; readonly type?: string; readonly body?: unknown };
export type BankHandler = (request: BankRequest) => BankAnswer;

type Transaction = { id: string; bookedOn: string; amount: number; currency: string; counterparty: string; text: string };
type Transfer = { amount: number; currency: string; to: string; country: string; reference?: string };
type Account = {
	id: string;
	status: "open" | "closed";
	iban: string;
	currency: string;
	balance: number;
	card: string;
	customer: { name: string; email: string; phone: string; ssn: string };
	transactions: Transaction[];
};

// Newest first; older ones fall out, for the demo runs for days and nobody pages further back.
const transactionsMax = 1_000;

/** A fresh bank: a handler for each operationId of the document. Card and account numbers are the publicly known test numbers. */
export function createBankHandlers(now: () => Date = () => new Date()): Readonly<Record<string, BankHandler>> {
	const accounts = new Map(firstAccounts().map((account) => [account.id, account]));
	const withAccount = (request: BankRequest, answer: (account: Account) => BankAnswer): BankAnswer => {
		const account = accounts.get(request.params.id ?? "");
		return account ? answer(account) : problem(404, "No such account");
	};
	return {
		createTransfer: (request) => {
			const account = accounts.get("acc-1");
			return account ? transfer(account, request.body as Transfer, now()) : problem(404, "No such account");
		},
		getAccount: (request) =>
			withAccount(request, ({ transactions: _, ...account }) => ({ status: 200, type: "application/json", body: account })),
		closeAccount: (request) =>
			withAccount(request, (account) => {
				if (account.status === "closed") return problem(409, "The account is closed already");
				account.status = "closed";
				return { status: 204 };
			}),
		listTransactions: (request) =>
			withAccount(request, (account) => {
				const since = String(request.query.since ?? "");
				const transactions = account.transactions.filter((transaction) => transaction.bookedOn >= since);
				return { status: 200, type: "application/json", body: { transactions: transactions.slice(0, Number(request.query.limit)) } };
			}),
		getStatement: (request) => withAccount(request, (account) => ({ status: 200, type: "text/csv", body: statement(account) })),
	};
}

/** An RFC 9457 answer. */
export function problem(status: number, title: string, detail?: string): BankAnswer {
	const body = { type: "about:blank", title, status, ...(detail === undefined ? {} : { detail }) };
	return { status, type: "application/problem+json", body };
}

function transfer(account: Account, wanted: Transfer, at: Date): BankAnswer {
	if (account.status === "closed") return problem(409, "The account is closed");
	const id = `tr-${randomUUID()}`;
	account.balance = Math.round((account.balance - wanted.amount) * 100) / 100;
	account.transactions.unshift({
		id,
		bookedOn: at.toISOString().slice(0, 10),
		amount: -wanted.amount,
		currency: wanted.currency,
		counterparty: wanted.to,
		text: wanted.reference ?? "",
	});
	account.transactions.length = Math.min(account.transactions.length, transactionsMax);
	const body = { id, status: "completed", ...wanted, createdAt: at.toISOString(), card: account.card, receiptTo: account.customer.email };
	return { status: 201, type: "application/json", body };
}

function statement(account: Account): string {
	const cell = (value: string | number) => (/[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
	const owner = [account.card, account.customer.email];
	const rows = account.transactions.map((t) => [t.bookedOn, t.amount, t.currency, t.counterparty, t.text, ...owner]);
	const lines = [["bookedOn", "amount", "currency", "counterparty", "text", "card", "email"], ...rows].map((row) =>
		row.map(cell).join(","),
	);
	return `${lines.join("\r\n")}\r\n`;
}

function firstAccounts(): Account[] {
	return [
		{
			id: "acc-1",
			status: "open",
			iban: "DE89370400440532013000",
			currency: "EUR",
			balance: 250_000,
			card: "4111111111111111",
			customer: { name: "Jane Doe", email: "jane.doe@customer.example", phone: "+14155552671", ssn: "536-90-4399" },
			transactions: [
				{
					id: "tr-seed-2",
					bookedOn: "2025-03-02",
					amount: -49.9,
					currency: "EUR",
					counterparty: "FR1420041010050500013M02606",
					text: "Books, invoice 7",
				},
				{
					id: "tr-seed-1",
					bookedOn: "2025-02-01",
					amount: 1_200,
					currency: "EUR",
					counterparty: "GB29NWBK60161331926819",
					text: "Rent, paid by jane.doe@customer.example",
				},
			],
		},
		{
			id: "acc-2",
			status: "open",
			iban: "GB29NWBK60161331926819",
			currency: "GBP",
			balance: 1_800.5,
			card: "5555555555554444",
			customer: { name: "John Roe", email: "john.roe@customer.example", phone: "+442079460958", ssn: "219-09-9999" },
			transactions: [],
		},
	];
}
