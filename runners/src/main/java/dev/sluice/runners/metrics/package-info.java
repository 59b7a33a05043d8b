/**
 * What a task manager tells Prometheus of rounds. Runs inside Flink as a plugin, from a jar of its
 * own; knows nothing of the rest of Sluice.
 */
package dev.sluice.runners.metrics;
