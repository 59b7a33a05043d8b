/** Tables from elsewhere, read row by row in bounded memory, with the line in every complaint. */
package dev.sluice.schemas.tables;
