/**
 * From scores to answer sets, step by step: what the kernels of {@code conformal} compute, on the
 * files of a score directory. FORMAT.md 10.
 */
package dev.sluice.transforms.scores;
