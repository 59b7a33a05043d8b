package dev.sluice.transforms.export;

import dev.sluice.schemas.npy.NpyWriter;
import dev.sluice.transforms.theory.Softmax;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;

/** Log-probabilities as .npy: the float32 next to logit − log Σ exp. */
final class NpyLogProbabilities implements RowSink {
  private final NpyWriter out;
  private final float[] logprobs;

  NpyLogProbabilities(WritableByteChannel channel, String name, long probes, int vocabulary) {
    out = NpyWriter.open(channel, name, probes, vocabulary);
    logprobs = new float[vocabulary];
  }

  @Override
  public void write(double[] row) throws IOException {
    double normaliser = Softmax.logSumExp(row, 0, row.length);
    for (int v = 0; v < logprobs.length; v++) {
      logprobs[v] = (float) (row[v] - normaliser);
    }
    out.write(logprobs, 0, logprobs.length);
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
