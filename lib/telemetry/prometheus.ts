/**
 * The classes of prom-client that are used, from their own files: the package's index also loads its gateway, its
 * cluster and its default metrics, and with these Node's HTTP, TLS and compression, which a plugin with a local key
 * never needs.
 *
 * @module
 */
import type * as prometheus from "prom-client";
import counter from "prom-client/lib/counter.js";
import gauge from "prom-client/lib/gauge.js";
import histogram from "prom-client/lib/histogram.js";
import registry from "prom-client/lib/registry.js";

/** A counter. */
export const Counter: typeof prometheus.Counter = counter;
export type Counter<Label extends string = string> = prometheus.Counter<Label>;

/** A gauge. */
export const Gauge: typeof prometheus.Gauge = gauge;
export type Gauge<Label extends string = string> = prometheus.Gauge<Label>;

/** A histogram. */
export const Histogram: typeof prometheus.Histogram = histogram;
export type Histogram<Label extends string = string> = prometheus.Histogram<Label>;

/** The metrics of one process. */
export const Registry: typeof prometheus.Registry = registry;
export type Registry = prometheus.Registry;
