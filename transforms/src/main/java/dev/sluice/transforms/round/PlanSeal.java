package dev.sluice.transforms.round;

import dev.sluice.schemas.PlanSignature;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.trust.BadKeyException;
import dev.sluice.transforms.trust.SignedMessage;
import dev.sluice.transforms.trust.SigningKey;
import dev.sluice.transforms.trust.VerifyingKey;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.Base64;

/** The hub's signature over a plan. FORMAT.md 2.1. */
public final class PlanSeal {
  /** Value of the signature's field 'format'. */
  public static final String FORMAT = "sluice-plan-signature-1";

  private static final int MAX_BYTES = 4096;

  private PlanSeal() {}

  /**
   * Signs a plan.
   *
   * @param key the hub's
   * @param its the public key of the same pair
   * @return the bytes of plan.sig
   */
  public static byte[] sign(PlannedRound round, SigningKey key, VerifyingKey its) {
    byte[] signature = key.sign(SignedMessage.ofPlan(round.digest().bytes()));
    return PlainJson.write(
        new PlanSignature(
            FORMAT,
            round.digestHex(),
            its.base64(),
            Base64.getEncoder().encodeToString(signature)));
  }

  /**
   * Whose signature lies beside a plan.
   *
   * @throws IOException if there is none, it is of another plan, or it is nobody's
   */
  public static VerifyingKey signer(PlannedRound round, RoundDirectory directory)
      throws IOException {
    String file = directory.planSignature();
    byte[] json;
    try {
      json = Storage.read(file, MAX_BYTES);
    } catch (FileNotFoundException e) {
      throw new BadInputException(
          file + ": no such file: nobody signed this plan; 'sluice plan --sign' does", e);
    }
    PlanSignature found =
        PlainJson.read(PlanSignature.class, PlanSignature.getClassSchema(), json, file);
    if (!found.getFormat().equals(FORMAT)) {
      throw new BadInputException(
          file + ": field 'format': found another, expected '" + FORMAT + "'");
    }
    if (!found.getPlanDigest().equals(round.digestHex())) {
      throw new BadInputException(
          file
              + ": a signature of another plan: expected digest "
              + round.digestHex()
              + " of "
              + round.source()
              + "; the plan was changed after it was signed, or the signature put here from"
              + " elsewhere");
    }
    VerifyingKey key;
    byte[] signature;
    try {
      key = VerifyingKey.of(found.getKey());
    } catch (BadKeyException e) {
      throw new BadInputException(file + ": field 'key': " + e.getMessage(), e);
    }
    try {
      signature = Base64.getDecoder().decode(found.getSignature());
    } catch (IllegalArgumentException e) {
      throw new BadInputException(file + ": field 'signature': found no base64", e);
    }
    if (!key.verifies(SignedMessage.ofPlan(round.digest().bytes()), signature)) {
      throw new BadInputException(
          file
              + ": field 'signature': does not verify under key "
              + key
              + ", which it names: it was damaged or made up");
    }
    return key;
  }

  /**
   * Holds a plan against the hub that a site or the hub itself trusts.
   *
   * @param hub its key, known from elsewhere
   * @throws IOException unless exactly that key signed exactly this plan
   */
  public static void check(PlannedRound round, RoundDirectory directory, VerifyingKey hub)
      throws IOException {
    VerifyingKey signer = signer(round, directory);
    if (!signer.equals(hub)) {
      throw new BadInputException(
          directory.planSignature()
              + ": signed by key "
              + signer
              + ", expected the hub's key "
              + hub);
    }
  }
}
