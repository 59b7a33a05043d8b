/**
 * Spending a node's bits over several rounds, logits frozen: the ways to do it and what each is
 * worth. THEORY 4. The schemes themselves need only the JDK and the channel.
 */
package dev.sluice.transforms.refinement;
