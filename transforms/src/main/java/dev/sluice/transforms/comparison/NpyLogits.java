package dev.sluice.transforms.comparison;

import dev.sluice.schemas.npy.NpyIntegers;
import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.storage.Storage;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The files of a comparison. Holds them open; not thread-safe. */
public final class NpyLogits implements LogitRows, Closeable {
  private final List<NpyRows> nodes = new ArrayList<>();
  private final NpyRows reference; // null where it is uniform
  private final int vocabulary;
  private final long[] nextTokens; // null where they are not known

  private NpyLogits(List<NpyRows> nodes, NpyRows reference, int vocabulary, long[] nextTokens) {
    this.nodes.addAll(nodes);
    this.reference = reference;
    this.vocabulary = vocabulary;
    this.nextTokens = nextTokens;
  }

  /** Opens the files of a comparison. */
  static NpyLogits open(ComparisonSettings settings) throws IOException {
    List<NpyRows> opened = new ArrayList<>();
    try {
      for (ComparisonSettings.ReadFile file : settings.logits()) {
        opened.add(rows(file.path()));
      }
      NpyRows reference = settings.reference() == null ? null : rows(settings.reference().path());
      return new NpyLogits(
          opened,
          reference,
          settings.vocabulary(),
          settings.nextTokens() == null
              ? null
              : nextTokens(settings.nextTokens().path(), settings.probes(), settings.vocabulary()));
    } catch (IOException | RuntimeException e) {
      for (NpyRows rows : opened) {
        rows.close();
      }
      throw e;
    }
  }

  /** Opens one file of logits. */
  public static NpyRows rows(String file) throws IOException {
    return NpyRows.open(channel(file), file);
  }

  private static ReadableByteChannel channel(String file) throws IOException {
    return Storage.openIfExists(file)
        .orElseThrow(() -> new BadInputException(file + ": no such file"));
  }

  /**
   * Reads the tokens that followed.
   *
   * @throws BadInputException if one is no token of the vocabulary
   */
  public static long[] nextTokens(String file, long probes, int vocabulary) throws IOException {
    long[] tokens;
    try (ReadableByteChannel channel = channel(file)) {
      tokens = NpyIntegers.read(channel, file, Math.toIntExact(probes));
    }
    for (int probe = 0; probe < tokens.length; probe++) {
      if (tokens[probe] < 0 || tokens[probe] >= vocabulary) {
        throw new BadInputException(
            file
                + ": probe "
                + probe
                + ": found token "
                + tokens[probe]
                + ", expected 0 to "
                + (vocabulary - 1));
      }
    }
    return tokens;
  }

  @Override
  public void node(int node, long firstProbe, int probes, double[] into) throws IOException {
    nodes.get(node).read(firstProbe, firstProbe + probes, into, 0);
  }

  @Override
  public void reference(long firstProbe, int probes, double[] into) throws IOException {
    if (reference == null) {
      Arrays.fill(into, 0, probes * vocabulary, 0);
    } else {
      reference.read(firstProbe, firstProbe + probes, into, 0);
    }
  }

  @Override
  public boolean hasNextTokens() {
    return nextTokens != null;
  }

  @Override
  public int nextToken(long probe) {
    return (int) nextTokens[(int) probe];
  }

  @Override
  public void close() throws IOException {
    for (NpyRows rows : nodes) {
      rows.close();
    }
    if (reference != null) {
      reference.close();
    }
  }
}
