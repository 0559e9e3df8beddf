// How tests wait for what must happen: until it has. A busy machine decides nothing; what never happens is ended by the test's own limit.

/** For `vi.waitFor` and `expect.poll`, whose own patience is one second. Shorter than a test may take, so that what did not happen is said. */
export const patience = { interval: 5, timeout: 100_000 } as const;
