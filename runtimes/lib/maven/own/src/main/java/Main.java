public class Main {
    static int answer() {
        return 42;
    }

    public static void main(String[] args) {
        System.out.println("answer: " + answer());
    }
}
