/**
 * Rounds as digit planes: a round that refines earlier ones goes on with the digits of the same
 * logits, and every node counts with the longest prefix of digits that came. The other schemes by
 * which T rounds may refine an average are here too, by name, so that they can be compared. THEORY
 * 4.
 */
package dev.sluice.transforms.refinement;
