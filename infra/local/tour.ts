export async function takeTour(_stack: unknown, _say: (line: string) => void): Promise<number> {
	return 0;
}
