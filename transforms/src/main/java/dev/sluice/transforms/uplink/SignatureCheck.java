package dev.sluice.transforms.uplink;

import dev.sluice.schemas.Sha256;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.trust.KeyRing;
import dev.sluice.transforms.trust.SignedMessage;
import dev.sluice.transforms.trust.VerifyingKey;
import dev.sluice.transforms.uplink.HeaderCheck.Fault;
import java.util.Optional;

/** Holds a block's signature against the keys of its node. Pure. FORMAT.md 4.5. */
final class SignatureCheck {
  private SignatureCheck() {}

  /**
   * What is wrong with a signature; nothing in a round that is not signed.
   *
   * @param node a node of the plan
   * @param head SHA-256 of the head of the file
   * @param content the block's content digest
   */
  static Optional<Fault> of(
      PlannedRound round, String node, Sha256 head, Sha256 content, byte[] signature) {
    if (!round.isSigned()) {
      return Optional.empty();
    }
    if (signature.length == 0) {
      return Optional.of(
          new Fault(Reason.UNSIGNED, "no signature, expected one by a key of '" + node + "'"));
    }
    KeyRing keys = round.keyRing(round.indexOf(node).orElseThrow());
    Optional<VerifyingKey> signer =
        keys.signer(SignedMessage.ofBlock(head.bytes(), content.bytes()), signature);
    if (signer.isEmpty()) {
      return Optional.of(
          new Fault(
              Reason.BAD_SIGNATURE,
              "no key of '" + node + "' signed this block in a file with this head"));
    }
    return keys.revoked().contains(signer.get())
        ? Optional.of(
            new Fault(Reason.REVOKED_KEY, "signed by key " + signer.get() + ", which was revoked"))
        : Optional.empty();
  }
}
