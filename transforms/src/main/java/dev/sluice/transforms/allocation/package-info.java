/**
 * How a round's bits are divided among nodes, what a division is predicted to cost, and what a
 * warm-up round says about the nodes. THEORY 5 and 6. Kernels need only the JDK; the transforms
 * beside them read what they add up.
 *
 * <p>Budgets are in bits per coordinate, b = B/V, throughout: the vocabulary's size drops out of
 * every split.
 */
package dev.sluice.transforms.allocation;
