#!/bin/sh
# Fuzzes one target in a JVM of its own: fuzz-jvm.sh TARGET SECONDS CORPUS SEEDS...
# The class path is $CLASSPATH, the Java $JAVA_HOME's or the one on the path, $FUZZ_FLAGS are flags for it. An input that breaks a promise is
# written beside CORPUS.
#   -Xmx256m           more than 256 MiB live at once is a crash, and so is more allocated for one input (Fuzz.java)
#   -timeout           an input that does not end; one that takes more than 1 s of CPU time is a crash by Fuzz.java
#   --keep_going=1     one finding ends it, with a code that is not 0
set -eu
target=$1 seconds=$2 corpus=$3
shift 3
java=java
[ -z "${JAVA_HOME:-}" ] || java=$JAVA_HOME/bin/java
case $("$java" -version 2>&1 | head -n 1) in
*'"17.'*) loading= ;;
*) loading=-XX:+EnableDynamicAgentLoading ;;
esac
# Checks for other weaknesses (LDAP, SQL, scripts, ..) that nothing here has: they instrument the JDK, and cost more than the fuzzing.
off=
for check in BigDecimal ClojureLangHooks Deserialization ExpressionLanguageInjection FilePathTraversal LdapInjection NamingContextLookup \
  OsCommandInjection ReflectiveCall RegexInjection RegexRoadblocks ScriptEngineInjection ServerSideRequestForgery SqlInjection \
  TemplateInjection UnsafeSanitizer XPathInjection XmlParserSsrfGuidance; do
  off=$off:com.code_intelligence.jazzer.sanitizers.$check
done
# shellcheck disable=SC2086 # flags are words
exec "$java" ${FUZZ_FLAGS:-} -Xmx256m -Xss1m -XX:+UseSerialGC $loading com.code_intelligence.jazzer.Jazzer \
  --target_class=dev.sluice.transforms.fuzz.Fuzz --target_args="$target" \
  --instrumentation_includes='dev.sluice.**' --custom_hook_includes='dev.sluice.**' --keep_going=1 \
  --disabled_hooks="${off#:}" --reproducer_path="$(dirname "$corpus")" -artifact_prefix="$corpus-" \
  -timeout=20 -rss_limit_mb=1536 -malloc_limit_mb=256 -max_len=16384 -max_total_time="$seconds" -print_final_stats=1 \
  "$corpus" "$@"
