/**
 * Pages for people: a round, a reproduction or a simulation as one HTML file that opens without a
 * network. A page is a function of its documents: no clocks, no paths, the same bytes for the same
 * documents. Whatever came from outside is text, never markup or script.
 */
package dev.sluice.transforms.report;
