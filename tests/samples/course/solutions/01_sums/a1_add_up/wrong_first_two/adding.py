def total(numbers):
    return sum(numbers[:2])
