/** Scores of candidate answers by the words of what a site has retrieved. Imports only the JDK. */
package dev.sluice.transforms.retrieval;
