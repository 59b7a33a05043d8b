/**
 * The same logits through several channels, each at the same budgets: bits really sent, and what
 * the decoded mean over nodes is worth. FORMAT 16.
 *
 * <p>What other projects send is read and written here by kernels of their own, each with its
 * source, and is given every advantage that its users could give it: no headers, and the largest k
 * that fits. Of ways to spend a budget the best is taken, once the error is known.
 */
package dev.sluice.transforms.comparison;
