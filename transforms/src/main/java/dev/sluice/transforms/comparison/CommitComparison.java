package dev.sluice.transforms.comparison;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.ComparedCell;
import dev.sluice.schemas.ComparedChannelInfo;
import dev.sluice.schemas.ComparedFile;
import dev.sluice.schemas.Comparison;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.report.ComparisonPage;
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

/** Gathers the cells and writes their page and comparison.json. Doing it twice does no harm. */
@AutoValue
public abstract class CommitComparison extends PTransform<PCollection<ComparedCell>, PDone> {
  private static final String FORMAT = "sluice-comparison-1";

  abstract ComparisonSettings settings();

  abstract String directory();

  abstract String aside();

  /**
   * Writes a comparison into a directory.
   *
   * @param aside directory where everything is written first
   */
  public static CommitComparison of(ComparisonSettings settings, String directory, String aside) {
    return new AutoValue_CommitComparison(settings, directory, aside);
  }

  /** Where a comparison's document is. */
  public static String document(String directory) {
    return directory + "/comparison.json";
  }

  /** Where its page is. */
  public static String page(String directory) {
    return directory + "/" + RoundDirectory.REPORT;
  }

  @Override
  public PDone expand(PCollection<ComparedCell> cells) {
    cells
        .apply("OneKey", WithKeys.of(0))
        .apply("Gather", GroupByKey.create())
        .apply("WriteComparison", ParDo.of(new CommitFn(settings(), directory(), aside())));
    return PDone.in(cells.getPipeline());
  }

  private static class CommitFn extends DoFn<KV<Integer, Iterable<ComparedCell>>, Void> {
    private static final long serialVersionUID = 1L;
    private final ComparisonSettings settings;
    private final String directory;
    private final String aside;

    CommitFn(ComparisonSettings settings, String directory, String aside) {
      this.settings = settings;
      this.directory = directory;
      this.aside = aside;
    }

    @ProcessElement
    public void commit(@Element KV<Integer, Iterable<ComparedCell>> all) throws IOException {
      List<ComparedCell> cells = new ArrayList<>();
      ComparedCell nothing = null;
      for (ComparedCell cell : all.getValue()) {
        if (cell.getChannel().equals(ComparedChannels.NOTHING.name())) {
          nothing = cell;
        } else {
          cells.add(cell);
        }
      }
      cells.sort(
          Comparator.comparing(ComparedCell::getBudget)
              .thenComparing(cell -> ComparedChannels.index(cell.getChannel())));
      Comparison comparison = document(nothing, cells);
      Storage.replace(page(aside), ComparisonPage.html(comparison));
      Storage.replace(CommitComparison.document(aside), PlainJson.write(comparison));
      Storage.move(page(aside), page(directory));
      Storage.move(CommitComparison.document(aside), CommitComparison.document(directory));
    }

    private Comparison document(ComparedCell nothing, List<ComparedCell> cells) {
      List<String> sent = sent(cells);
      List<String> biased =
          sent.stream()
              .filter(name -> !ComparedChannels.find(name).orElseThrow().isUnbiased())
              .toList();
      return Comparison.newBuilder()
          .setFormat(FORMAT)
          .setProbes(settings.probes())
          .setVocabulary(settings.vocabulary())
          .setNodes(settings.logits().stream().map(CommitFn::file).toList())
          .setReference(settings.reference() == null ? null : file(settings.reference()))
          .setNextToken(settings.nextTokens() == null ? null : file(settings.nextTokens()))
          .setSeed(settings.seed())
          .setBudgets(settings.budgets())
          .setExactPerplexity(
              nothing.getTax() == null ? null : nothing.getPerplexity() - nothing.getTax())
          .setNothing(nothing)
          .setChannels(
              settings.channels().stream()
                  .map(name -> info(ComparedChannels.find(name).orElseThrow()))
                  .toList())
          .setWarnings(
              BiasWarnings.of(biased, sent, settings.vocabulary(), settings.logits().size()))
          .setCells(cells)
          .build();
    }

    private List<String> sent(List<ComparedCell> cells) {
      return settings.channels().stream()
          .filter(
              name ->
                  cells.stream()
                      .anyMatch(cell -> cell.getChannel().equals(name) && cell.getKl() != null))
          .toList();
    }

    private static ComparedFile file(ComparisonSettings.ReadFile file) {
      return new ComparedFile(file.name(), file.sha256());
    }

    private static ComparedChannelInfo info(ComparedChannel channel) {
      return new ComparedChannelInfo(
          channel.name(),
          channel.what(),
          channel.isUnbiased(),
          channel.hasErrorLaw(),
          channel.family());
    }
  }
}
