package dev.sluice.transforms.trust;

import java.io.InvalidObjectException;
import java.io.ObjectStreamException;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * A private Ed25519 key (RFC 8032). Immutable and thread-safe; its text says nothing. Serialises as
 * the key itself, for functions that sign.
 */
public final class SigningKey implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Bytes of a PrivateKeyInfo with such a key. RFC 8410. */
  public static final int DER_BYTES = 48;

  /** SEQUENCE { version 0, SEQUENCE { OID 1.3.101.112 }, the 32 bytes, in two OCTET STRINGs. */
  private static final byte[] PREFIX = HexFormat.of().parseHex("302e020100300506032b657004220420");

  private static final byte[] TRIAL = "sluice-trial-1|".getBytes(StandardCharsets.US_ASCII);

  private final byte[] der;
  private final transient PrivateKey key;

  private SigningKey(byte[] der) throws BadKeyException {
    if (der.length != DER_BYTES
        || !Arrays.equals(der, 0, PREFIX.length, PREFIX, 0, PREFIX.length)) {
      throw new BadKeyException(
          "found "
              + der.length
              + " bytes of something else, expected an Ed25519 private key: "
              + DER_BYTES
              + " bytes of PKCS #8");
    }
    this.der = der.clone();
    try {
      this.key = KeyFactory.getInstance("Ed25519").generatePrivate(new PKCS8EncodedKeySpec(der));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e); // of that form, every Java since 15 takes it
    }
  }

  /**
   * The key of its PKCS #8 form.
   *
   * @param der PrivateKeyInfo
   */
  public static SigningKey ofDer(byte[] der) throws BadKeyException {
    return new SigningKey(der);
  }

  private Object readResolve() throws ObjectStreamException {
    try {
      return new SigningKey(der);
    } catch (BadKeyException e) {
      throw new InvalidObjectException(e.getMessage());
    }
  }

  /** The PKCS #8 form. */
  byte[] der() {
    return der.clone();
  }

  /** The signature of a message, 64 bytes; the same for the same message. */
  public byte[] sign(byte[] message) {
    try {
      Signature ed25519 = Signature.getInstance("Ed25519");
      ed25519.initSign(key);
      ed25519.update(message);
      return ed25519.sign();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Whether a public key is this one's: it verifies what this one signs. */
  public boolean isOf(VerifyingKey other) {
    return other.verifies(TRIAL, sign(TRIAL));
  }

  @Override
  public String toString() {
    return "a private key";
  }
}
