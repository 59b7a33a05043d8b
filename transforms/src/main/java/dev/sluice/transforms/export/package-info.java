/** A round's teacher in the formats of those who train a student elsewhere. FORMAT.md 13. */
package dev.sluice.transforms.export;
