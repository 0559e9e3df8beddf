// Figures as a table for the terminal and for a page: columns aligned, Markdown's own form.

/** The first row is the head; its first column is text, the others are numbers and stand to the right. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
	const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
	const line = (row: readonly string[]) =>
		`| ${widths.map((width, column) => (column === 0 ? (row[column] ?? "").padEnd(width) : (row[column] ?? "").padStart(width))).join(" | ")} |`;
	const rule = `| ${widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
	const [head = [], ...body] = rows;
	return [line(head), rule, ...body.map(line)].join("\n");
}

/** Three significant digits, or whole numbers beyond: 0.42, 3.14, 31.4, 1,234. */
export function shown(value: number | undefined): string {
	if (value === undefined || !Number.isFinite(value)) return "–";
	const decimals = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
	return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}
