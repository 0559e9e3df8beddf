// Metrics of one process, in Prometheus' text format.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export type { Counter, Gauge, Histogram };

export interface Metrics {
	counter<Label extends string>(name: string, help: string, labels?: readonly Label[]): Counter<Label>;
	/** `read` is asked at each scrape; where it fails, the gauge has no value rather than an old one. */
	gauge(name: string, help: string, read?: () => number | Promise<number>): Gauge;
	/** Seconds. */
	duration<Label extends string>(name: string, help: string, labels?: readonly Label[]): Histogram<Label>;
	text(): Promise<string>;
	readonly contentType: string;
}

/** Call ids, callers and arguments are never labels: they would be both a leak and a leak of memory. */
export function createMetrics(service: string): Metrics {
	const registry = new Registry();
	registry.setDefaultLabels({ service });
	collectDefaultMetrics({ register: registry });
	const registers = [registry];
	return {
		counter: (name, help, labels = []) => new Counter({ name, help, labelNames: [...labels], registers }),
		gauge: (name, help, read) =>
			new Gauge({
				name,
				help,
				registers,
				...(read && {
					async collect() {
						this.set(
							await Promise.resolve()
								.then(read)
								.catch(() => Number.NaN),
						);
					},
				}),
			}),
		duration: (name, help, labels = []) =>
			new Histogram({ name, help, labelNames: [...labels], registers, buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120] }),
		text: () => registry.metrics(),
		contentType: registry.contentType,
	};
}
