package dev.sluice.pipelines;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.lang.ArchRule;
import java.time.Clock;
import java.time.Instant;
import java.time.LocalDateTime;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.TupleTag;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Which way dependencies run, what may know Beam, and that nothing asks for time or chance. */
class ArchitectureTest {
  private static final String ARITHMETIC =
      "dev.sluice.transforms.(channel|theory|allocation|conformal|retrieval|distillation|trust)..";
  private static final String BEAM = "org.apache.beam..";

  /** Neither directories of test classes nor jars of them. */
  static final class MainCode implements ImportOption {
    @Override
    public boolean includes(Location location) {
      return !location.contains("/test-classes/") && !location.contains("-tests.jar");
    }
  }

  /** A transform, a function of one, or a class inside either. */
  private static final DescribedPredicate<JavaClass> TRANSFORMS =
      new DescribedPredicate<>("transforms and what is nested in them") {
        @Override
        public boolean test(JavaClass type) {
          return type.isAssignableTo(PTransform.class)
              || type.isAssignableTo(DoFn.class)
              || type.getEnclosingClass().map(this::test).orElse(false);
        }
      };

  static final ArchRule schemasComeFirst =
      noClasses()
          .that()
          .resideInAPackage("dev.sluice.schemas..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.sluice.transforms..", "dev.sluice.pipelines..", "dev.sluice.runners..", BEAM);

  static final ArchRule transformsComeBeforePipelines =
      noClasses()
          .that()
          .resideInAPackage("dev.sluice.transforms..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.sluice.pipelines..", "dev.sluice.runners..");

  static final ArchRule pipelinesComeBeforeRunners =
      noClasses()
          .that()
          .resideInAPackage("dev.sluice.pipelines..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.sluice.runners..", "org.apache.beam.runners..");

  /** A transform may live beside its kernels; they need not know it. */
  static final ArchRule arithmeticImportsOnlyTheJdk =
      classes()
          .that()
          .resideInAPackage(ARITHMETIC)
          .and(DescribedPredicate.not(TRANSFORMS))
          .should()
          .onlyDependOnClassesThat(
              resideInAnyPackage("java..", "jdk.incubator.vector..", ARITHMETIC));

  static final ArchRule syntheticLogitsNeedOnlyAGenerator =
      classes()
          .that()
          .resideInAPackage("dev.sluice.transforms.synthetic..")
          .should()
          .onlyDependOnClassesThat(
              resideInAnyPackage(
                  "java..",
                  "org.apache.commons.rng..",
                  "dev.sluice.transforms.synthetic..",
                  ARITHMETIC))
          .allowEmptyShould(true);

  /** Not what runs a pipeline: a file's metadata, and a pair. */
  private static final DescribedPredicate<JavaClass> BEAM_BUT_FOR_DATA =
      new DescribedPredicate<>("Beam, but for file metadata and pairs") {
        @Override
        public boolean test(JavaClass type) {
          return type.getPackageName().startsWith("org.apache.beam.")
              && !type.getPackageName().startsWith("org.apache.beam.sdk.io.fs")
              && !type.isEquivalentTo(KV.class);
        }
      };

  /** Storage is what wraps Beam's filesystems; everything else that knows Beam is a transform. */
  static final ArchRule onlyTransformsKnowBeam =
      noClasses()
          .that()
          .resideInAPackage("dev.sluice.transforms..")
          .and()
          .resideOutsideOfPackage("dev.sluice.transforms.storage..")
          .and(DescribedPredicate.not(TRANSFORMS))
          .should()
          .dependOnClassesThat(BEAM_BUT_FOR_DATA);

  /**
   * Dither and results are functions of their inputs; names of files aside may be random. A sketch
   * tosses its library's coins, which KllSummary seeds.
   */
  static final ArchRule nothingAsksForTimeOrChance =
      noClasses()
          .that()
          .resideInAnyPackage(
              "dev.sluice.schemas..", "dev.sluice.transforms..", "dev.sluice.pipelines..")
          .and()
          .doNotHaveSimpleName("KllSummary")
          .should()
          .dependOnClassesThat()
          .areAssignableTo(Random.class)
          .orShould()
          .dependOnClassesThat()
          .areAssignableTo(ThreadLocalRandom.class)
          .orShould()
          .dependOnClassesThat()
          .areAssignableTo(Clock.class)
          .orShould()
          .callMethod(Math.class, "random")
          .orShould()
          .callMethod(System.class, "currentTimeMillis")
          .orShould()
          .callMethod(System.class, "nanoTime")
          .orShould()
          .callMethod(LocalDateTime.class, "now")
          .orShould()
          .callMethod(Instant.class, "now");

  /** Every rule above, whatever it is called. */
  @TestFactory
  Stream<DynamicTest> everyRuleHolds() {
    JavaClasses main =
        new ClassFileImporter().withImportOption(new MainCode()).importPackages("dev.sluice");
    return Arrays.stream(ArchitectureTest.class.getDeclaredFields())
        .filter(field -> field.getType() == ArchRule.class)
        .map(
            field ->
                DynamicTest.dynamicTest(
                    field.getName(), () -> ((ArchRule) field.get(null)).check(main)));
  }

  @Test
  void theRulesCanFail() {
    JavaClasses wrong = new ClassFileImporter().importClasses(KnowsBeam.class, AsksTheTime.class);
    ArchRule beam =
        noClasses()
            .that(DescribedPredicate.not(TRANSFORMS))
            .should()
            .dependOnClassesThat()
            .resideInAPackage(BEAM);
    assertThat(beam.evaluate(wrong).getFailureReport().toString(), containsString("KnowsBeam"));
    ArchRule time = noClasses().should().callMethod(System.class, "nanoTime");
    assertThat(time.evaluate(wrong).getFailureReport().toString(), containsString("AsksTheTime"));
  }

  /** Breaks a rule on purpose. */
  private static final class KnowsBeam {
    static TupleTag<String> tag() {
      return new TupleTag<>("x");
    }
  }

  /** Breaks a rule on purpose. */
  private static final class AsksTheTime {
    static long nanos() {
      return System.nanoTime();
    }
  }
}
