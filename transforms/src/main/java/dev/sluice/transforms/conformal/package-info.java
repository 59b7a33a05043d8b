/**
 * Prediction sets of a swarm: the exact conformal rank, what a query's bits buy, swarm scores, and
 * a calibration summary whose threshold is never below that of the pooled scores. THEORY 7.
 *
 * <p>Scores are in nats and small ones are likely: {@code s(y) = -log P(y)}. A set is {@code {y:
 * s(y) <= threshold}}, all of the list where the threshold is +infinity. Calibration scores go
 * through the channel that test scores go through, with dither of their own; coverage then needs
 * exchangeable queries and nothing else (THEORY 7.7).
 */
package dev.sluice.transforms.conformal;
