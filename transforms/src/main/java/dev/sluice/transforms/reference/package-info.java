/**
 * The reference channel: what a site sends is its logits relative to a public reference, with steps
 * that follow the reference's probabilities, dithered, and entropy coded. FORMAT 15.
 *
 * <p>Kernels alone. What both ends derive (steps, scales, frequencies) comes from integers, from
 * sums in a fixed order and from {@code StrictMath}: one bit that differs would lose a block.
 */
package dev.sluice.transforms.reference;
