package dev.sluice.transforms.comparison;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.ComparedFile;
import dev.sluice.schemas.VectorCell;
import dev.sluice.schemas.VectorComparison;
import dev.sluice.schemas.VectorQuantizerInfo;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.channel.vector.Declaration;
import dev.sluice.transforms.channel.vector.VectorQuantizer;
import dev.sluice.transforms.channel.vector.VectorQuantizers;
import dev.sluice.transforms.report.VectorComparisonPage;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PDone;

/** Gathers the cells and writes their page and vectors.json. Doing it twice does no harm. */
@AutoValue
public abstract class CommitVectors extends PTransform<PCollection<VectorCell>, PDone> {
  private static final String FORMAT = "sluice-vectors-1";

  abstract VectorSettings settings();

  abstract String directory();

  abstract String aside();

  /**
   * Writes a comparison into a directory.
   *
   * @param aside directory where everything is written first
   */
  public static CommitVectors of(VectorSettings settings, String directory, String aside) {
    return new AutoValue_CommitVectors(settings, directory, aside);
  }

  /** The document of a comparison in a directory. */
  public static String document(String directory) {
    return directory + "/vectors.json";
  }

  /** The page of a comparison in a directory. */
  public static String page(String directory) {
    return directory + "/" + RoundDirectory.REPORT;
  }

  @Override
  public PDone expand(PCollection<VectorCell> cells) {
    cells
        .apply("OneKey", WithKeys.of(0))
        .apply("Gather", GroupByKey.create())
        .apply("WriteVectors", ParDo.of(new CommitFn(settings(), directory(), aside())));
    return PDone.in(cells.getPipeline());
  }

  private static class CommitFn extends DoFn<KV<Integer, Iterable<VectorCell>>, Void> {
    private static final long serialVersionUID = 1L;
    private final VectorSettings settings;
    private final String directory;
    private final String aside;

    CommitFn(VectorSettings settings, String directory, String aside) {
      this.settings = settings;
      this.directory = directory;
      this.aside = aside;
    }

    @ProcessElement
    public void commit(@Element KV<Integer, Iterable<VectorCell>> all) throws IOException {
      List<VectorCell> cells = new ArrayList<>();
      all.getValue().forEach(cells::add);
      cells.sort(
          Comparator.comparing(VectorCell::getRate)
              .thenComparing(cell -> VectorQuantizers.index(cell.getQuantizer())));
      VectorComparison comparison = comparison(cells);
      Storage.replace(page(aside), VectorComparisonPage.html(comparison));
      Storage.replace(document(aside), PlainJson.write(comparison));
      Storage.move(page(aside), page(directory));
      Storage.move(document(aside), document(directory));
    }

    private VectorComparison comparison(List<VectorCell> cells) {
      List<VectorQuantizer> chosen =
          settings.quantizers().stream()
              .map(name -> VectorQuantizers.find(name).orElseThrow())
              .toList();
      List<VectorQuantizer> sent =
          chosen.stream()
              .filter(quantizer -> cells.stream().anyMatch(cell -> isSent(cell, quantizer.name())))
              .toList();
      List<String> biased =
          sent.stream()
              .filter(quantizer -> !quantizer.declaration().bias().averagesOut())
              .map(VectorQuantizer::name)
              .toList();
      return VectorComparison.newBuilder()
          .setFormat(FORMAT)
          .setVectors(settings.source().label())
          .setFile(
              settings.file() == null
                  ? null
                  : new ComparedFile(settings.file().name(), settings.file().sha256()))
          .setDimension(settings.dimension())
          .setTrials(settings.trials())
          .setSpread(settings.spread())
          .setSeed(settings.seed())
          .setNodes(settings.nodes())
          .setRates(settings.rates())
          .setQuantizers(chosen.stream().map(CommitFn::info).toList())
          .setWarnings(
              BiasWarnings.of(
                  biased,
                  sent.stream().map(VectorQuantizer::name).toList(),
                  settings.dimension(),
                  settings.senders()))
          .setCells(cells)
          .build();
    }

    private static boolean isSent(VectorCell cell, String name) {
      return cell.getQuantizer().equals(name) && cell.getBits() != null;
    }

    private static VectorQuantizerInfo info(VectorQuantizer quantizer) {
      Declaration declaration = quantizer.declaration();
      return new VectorQuantizerInfo(
          quantizer.name(),
          VectorQuantizers.family(quantizer),
          quantizer.what(),
          declaration.bias().label(),
          declaration.errorLaw().orElse(null),
          declaration.sideInformation(),
          declaration.state(),
          declaration.source());
    }
  }
}
