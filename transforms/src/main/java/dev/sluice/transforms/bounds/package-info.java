/**
 * Every bound of the papers, and ours beside them, under one roof: what each says, under what
 * assumptions, in what unit, and what it comes to in a given setting.
 */
package dev.sluice.transforms.bounds;
