/* A student's answer: after each number, the sum so far. It is wrong on large numbers. */
#include <stdio.h>

int main(void)
{
    int number, sum = 0;
    while (scanf("%d", &number) == 1) {
        sum += number;
        printf("%d\n", sum);
        fflush(stdout);
    }
    return 0;
}
