// rnx run --runtime=java-17 --upload=HelloWorld.java bash -c 'javac HelloWorld.java && java HelloWorld'

public class HelloWorld {
    public static void main(String[] args) {
        System.out.println("Hello from Java " + Runtime.version().feature());
    }
}
