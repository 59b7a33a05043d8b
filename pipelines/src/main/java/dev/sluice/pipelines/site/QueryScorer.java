package dev.sluice.pipelines.site;

import java.io.Closeable;
import java.io.IOException;
import java.io.Serializable;

/** What makes a site's scores. Sent to the workers, each of which opens it once. */
public interface QueryScorer extends Serializable {
  /** A scorer at work. Not thread-safe. */
  interface Session extends Closeable {
    /**
     * Scores one query.
     *
     * @param query its name; what the site keeps under that name is not to be looked at
     * @param text what is asked
     * @return [Y] nats by candidate, smaller is likelier
     */
    double[] score(String query, String text) throws IOException;
  }

  /** What is said of it in channel.json: other parameters, another name. */
  String name();

  /** Opens what it reads. */
  Session open() throws IOException;
}
