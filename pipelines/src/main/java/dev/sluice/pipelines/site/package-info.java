/**
 * A site's own scorer: its passages, an index of them, and what they make of a query's candidates.
 */
package dev.sluice.pipelines.site;
