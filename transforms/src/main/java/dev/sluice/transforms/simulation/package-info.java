/**
 * Federated distillation played through on a text: sites that are n-gram models of parts of it, the
 * channel that rounds use, a student, and what it predicts. THEORY 7.1, 8.4 and 8.6.
 */
package dev.sluice.transforms.simulation;
