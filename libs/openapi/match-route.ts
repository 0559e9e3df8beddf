// Which function a raw HTTP request means: the way in for the transparent proxy.
import type { MadeFunction } from "#libs/functions/function.ts";
import type { HttpTransport } from "./http-transport.ts";
import { couldMean, decodePath, matchPath } from "./path-template.ts";

type HttpFunction = MadeFunction<HttpTransport>;

/** The function a request means and the texts of its path parameters, decoded once, by their name in the template. */
export type Route<F extends HttpFunction = HttpFunction> = { readonly fn: F; readonly pathArgs: Readonly<Record<string, string>> };

/** By method and number of segments; built once for each list of functions. */
const indexes = new WeakMap<readonly HttpFunction[], Map<string, HttpFunction[]>>();

/**
 * Finds the function that a request's method and raw path mean. `path` is percent-encoded as it was received, without query, relative to the
 * connection. Returns undefined where there is none, where decoding is ambiguous (encoded slashes or dots, double encoding, malformed
 * sequences), and where the function's server might take the path for another operation.
 */
export function matchRoute<F extends HttpFunction>(functions: readonly F[], method: string, path: string): Route<F> | undefined {
	const segments = decodePath(path);
	if (segments === undefined) return undefined;
	const candidates = indexOf(functions).get(`${method} ${segments.length}`) ?? [];
	for (const fn of candidates) {
		const pathArgs = matchPath(fn.transport.path, segments);
		if (pathArgs === undefined || fn.transport.overlaps.some((other) => couldMean(other, segments))) continue;
		return { fn, pathArgs };
	}
	return undefined;
}

function indexOf<F extends HttpFunction>(functions: readonly F[]): Map<string, F[]> {
	const known = indexes.get(functions) as Map<string, F[]> | undefined;
	if (known) return known;
	const index = Map.groupBy(functions, (fn) => `${fn.transport.method} ${fn.transport.path.length}`);
	indexes.set(functions, index);
	return index;
}
