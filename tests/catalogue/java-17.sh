#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck disable=SC2016
# Java 17 and Maven, on the host's /usr.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

test_no_java_here() {
        assert_absent java javac mvn libjvm libstdc++
}

test_installed_and_listed() {
        assert_life java:17 17.0.21.1
}

test_passes_its_test() {
        passes_its_test 'openjdk version "17\.' 'javac 17\.' 'compiled and run by Java 17' 'Apache Maven 3\.9\.6'
}

# As printed, the shell of the caller takes "&& java ..." for itself: it has to be quoted, or a shell be named, as it is elsewhere
# in the guide.
test_lines_of_the_guide() {
        assert_eq "$(example java-17/HelloWorld.java)" 'Hello from Java 17'
        assert_eq "$(rnx run --runtime=java-17 --upload=HelloWorld.java 'javac HelloWorld.java && java HelloWorld')" 'Hello from Java 17'
        for spelling in java-17 java:17; do
                assert_match "$(rnx run --runtime="$spelling" java -version 2>&1)" '^openjdk version "17\.'
        done
        configure AcceptUnenforcedLimits=yes
        assert_eq "$(rnx run --runtime=java-17 --max-memory=2048 --max-cpu=50 --upload=HelloWorld.java java HelloWorld.java)" 'Hello from Java 17'
        configure
}

test_jshell_from_standard_input() {
        assert_eq "$(printf '%s\n' 'System.out.println("jshell says " + IntStream.rangeClosed(1, 6).sum())' /exit | in_job jshell -s -)" \
                'jshell says 21'
}

test_maven_project() {
        local said

        said=$(example java-17/src/main/java/org/example/Orders.java 2>&1)
        assert_match "$said" $'Ada +15\\.50\nGrace +9\\.90'
        assert_match "$said" 'BUILD SUCCESS'
        said=$(rnx run --runtime=java-17 --upload=pom.xml --upload=src/ --download=target/orders-1.0.jar mvn -o package 2>&1)
        assert_match "$said" 'Tests run: 1, Failures: 0, Errors: 0'
        assert_eq "$(rnx run --runtime=java-17 --upload=orders-1.0.jar java -cp orders-1.0.jar org.example.Orders)" $'Ada     15.50\nGrace    9.90'
}

# The JDK's own image of libjvm.so is not ours: it is told where the library of C++ is.
test_jlink() {
        assert_match "$(in_job 'jlink --add-modules java.base --output image && LD_LIBRARY_PATH=$JAVA_HOME/lib image/bin/java --list-modules')" '^java\.base@17'
}

test_its_libraries_are_its_own() {
        assert_own_libraries "$(printf '%s\n' 'java.awt.GraphicsEnvironment.getLocalGraphicsEnvironment()' \
                'new java.awt.image.BufferedImage(9, 9, 1).createGraphics()' 'javax.net.ssl.SSLContext.getDefault()' \
                'System.out.println(java.nio.file.Files.readString(java.nio.file.Path.of("/proc/self/maps")))' /exit | in_job jshell -s -)"
}

test_output_survives_a_timeout() {
        as_user alice tee Epoch.java <<<'class Epoch { public static void main(String[] a) throws Exception { System.out.print("epoch 1"); Thread.sleep(600000); } }' >/dev/null
        assert_prints_at_once --upload=Epoch.java java Epoch.java
}

test_lines_of_the_guide_of_runtimes() {
        assert_guide_works
}

test_no_program_of_the_host_breaks() {
        assert_host_programs_work
}

test_removed() {
        assert_removed java:17
}

run_tests "$@"
