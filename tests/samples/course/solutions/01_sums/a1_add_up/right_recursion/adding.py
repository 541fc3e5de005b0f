def total(numbers):
    return numbers[0] + total(numbers[1:]) if numbers else 0
