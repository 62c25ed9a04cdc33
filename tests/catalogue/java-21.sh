#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Java 21 and Maven, in a root of its own: virtual threads, jshell, a project.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

test_no_java_here() {
        assert_absent java javac mvn libjvm
}

test_installed_and_listed() {
        assert_life java:21 21.0.13.1
}

test_passes_its_test() {
        passes_its_test 'openjdk version "21\.' 'javac 21\.' 'compiled and run by Java 21' 'Apache Maven 3\.9\.6'
}

test_virtual_threads() {
        local said

        said=$(example java-21/VirtualThreadsApp.java)
        assert_match "$said" '^10000 threads slept 200 ms each, all in [0-9]+ ms'
        assert_match "$said" 'areas: 3\.14 4\.00$'
}

# As printed, the shell of the caller takes "&& java ..." for itself: it has to be quoted.
test_lines_of_the_guide() {
        assert_match "$(rnx run --runtime=java-21 --upload=VirtualThreadsApp.java 'javac VirtualThreadsApp.java && java VirtualThreadsApp')" '^10000 threads'
        for spelling in java-21 java:21; do
                assert_match "$(rnx run --runtime="$spelling" java -version 2>&1)" '^openjdk version "21\.'
        done
        assert_match "$(in_job 'javac -version; jar --version; javap -version; jcmd -h; jstat -options' 2>&1)" 'javac 21.*jar 21.*21\..*jcmd.*-gcutil'
}

test_jshell_from_standard_input() {
        local said

        said=$(printf '%s\n' 'int twice(int x) { return 2 * x; }' 'System.out.println("jshell says " + twice(21))' /exit |
                in_job jshell -s -)
        assert_eq "$said" 'jshell says 42'
        # as a person would, with prompts
        assert_match "$(printf '6 * 7\n/exit\n' | in_job jshell 2>&1)" '\$1 ==> 42'
}

# What the guide names as features of this version; templates and foreign memory are previews in 21.
test_features_of_21() {
        as_user alice tee Features.java >/dev/null <<'END'
import java.lang.foreign.*;
import jdk.incubator.vector.*;

public class Features {
    record Point(int x, int y) {
    }

    static String what(Object o) {
        return switch (o) {
            case Point(int x, int y) when x == y -> "diagonal " + x;
            case Point(int x, int y) -> STR."point \{x},\{y}";
            case String s -> "text " + s;
            default -> "other";
        };
    }

    public static void main(String[] arguments) throws Throwable {
        System.out.println(what(new Point(2, 2)) + "; " + what(new Point(1, 2)) + "; " + what("x"));
        var strlen = Linker.nativeLinker().downcallHandle(Linker.nativeLinker().defaultLookup().find("strlen").get(),
                FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.ADDRESS));
        try (var arena = Arena.ofConfined()) {
            System.out.println("strlen " + (long) strlen.invokeExact(arena.allocateUtf8String("foreign")));
        }
        var sum = IntVector.fromArray(IntVector.SPECIES_128, new int[] {1, 2, 3, 4}, 0).reduceLanes(VectorOperators.ADD);
        System.out.println("vector " + sum);
        System.out.println(Thread.ofVirtual().start(() -> {}).isVirtual() ? "virtual" : "platform");
    }
}
END
        assert_eq "$(in_job --upload=Features.java sh -c 'java --enable-preview --source 21 --add-modules jdk.incubator.vector Features.java 2>notes')" \
                $'diagonal 2; point 1,2; text x\nstrlen 7\nvector 10\nvirtual'
}

test_maven_project() {
        local said

        tar -C "$checkout/docs/examples/java-17" -cf - pom.xml src | as_user alice tar -xf -
        said=$(rnx run --runtime=java-21 --upload=pom.xml --upload=src/ mvn compile exec:java 2>&1)
        assert_match "$said" $'Ada +15\\.50\nGrace +9\\.90'
        assert_match "$said" 'BUILD SUCCESS'
}

test_it_sees_nothing_of_the_host() {
        assert_sees_nothing_of_the_host
        assert_eq "$(in_job sh -c 'ldd /usr/local/jdk/bin/* /usr/local/jdk/lib/*.so /usr/local/jdk/lib/server/*.so 2>/dev/null | grep "not found" | grep -v libjvm.so' || :)" ''
        assert_match "$(in_job 'bash --version; ls --version; echo x | grep x' 2>&1)" 'GNU bash.*coreutils.*x$'
}

test_output_survives_a_timeout() {
        as_user alice tee Epoch.java <<<'class Epoch { public static void main(String[] a) throws Exception { System.out.print("epoch 1"); Thread.sleep(600000); } }' >/dev/null
        assert_prints_at_once --upload=Epoch.java java Epoch.java
}

test_lines_of_the_guide_of_runtimes() {
        assert_guide_works
}

test_removed() {
        assert_removed java:21
}

run_tests "$@"
