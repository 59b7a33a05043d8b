/**
 * The published experiments run again: kernels that measure one repetition of one setting, the
 * published values as printed, and what compares the two. THEORY 8.
 */
package dev.sluice.transforms.reproduction;
