#!/usr/bin/env python3
"""Trains the network of digits.yaml on digits of 8 x 8 dots, shifted and under noise, and writes its two layers beside this file.

A layer is little-endian floats: for each input one row of weights, and behind them one of biases. Needs nothing but Python; the same
numbers each time. A network of your own is written the same way.
"""

import array
import math
import pathlib
import random
import sys

INPUTS, HIDDEN, CLASSES = 64, 32, 10
STEPS = 30_000

GLYPHS = """
.####... ..##.... .####... .####... ....##.. ######.. ..###... ######.. .####... .####...
##..##.. .###.... ##..##.. ##..##.. ...###.. ##...... .##..... ##..##.. ##..##.. ##..##..
##.###.. ..##.... ....##.. ....##.. ..####.. #####... ##...... ....##.. ##..##.. ##..##..
###.##.. ..##.... ..###... ..###... ##..##.. ....##.. #####... ...##... .####... .#####..
##..##.. ..##.... .##..... ....##.. #######. ....##.. ##..##.. ..##.... ##..##.. ....##..
##..##.. ..##.... ##..##.. ##..##.. ....##.. ##..##.. ##..##.. ..##.... ##..##.. ...##...
.####... ######.. ######.. .####... ....##.. .####... .####... ..##.... .####... .###....
........ ........ ........ ........ ........ ........ ........ ........ ........ ........
"""


def glyphs():
    rows = [line.split() for line in GLYPHS.split("\n") if line]
    return [[[1.0 if dot == "#" else 0.0 for dot in row[digit]] for row in rows] for digit in range(CLASSES)]


def picture(glyph, chance):
    """The digit up to one dot off its place, each dot off its shade."""
    down, right = chance.randint(0, 1), chance.randint(-1, 1)
    dots = []
    for y in range(8):
        for x in range(8):
            from_y, from_x = y - down, x - right
            dot = glyph[from_y][from_x] if 0 <= from_y < 8 and 0 <= from_x < 8 else 0.0
            dots.append(min(1.0, max(0.0, dot + chance.gauss(0, 0.2))))
    return dots


class Layer:
    """y = x W + b, trained by gradient descent with momentum."""

    def __init__(self, inputs, outputs, chance):
        spread = math.sqrt(2 / inputs)
        self.weights = [[chance.gauss(0, spread) for _ in range(outputs)] for _ in range(inputs)] + [[0.0] * outputs]
        self.speeds = [[0.0] * outputs for _ in range(inputs + 1)]

    def forward(self, values):
        out = list(self.weights[-1])
        for value, row in zip(values, self.weights):
            if value:
                for j, weight in enumerate(row):
                    out[j] += value * weight
        return out

    def backward(self, values, gradient, rate):
        """What the gradient is for the layer's input, before its own weights change."""
        before = [sum(g * w for g, w in zip(gradient, row)) for row in self.weights[:-1]]
        for value, row, speed in zip(values + [1.0], self.weights, self.speeds):
            for j, g in enumerate(gradient):
                speed[j] = 0.8 * speed[j] - rate * g * value
                row[j] += speed[j]
        return before

    def write(self, path):
        numbers = array.array("f", [weight for row in self.weights for weight in row])
        if sys.byteorder == "big":
            numbers.byteswap()
        path.write_bytes(numbers.tobytes())


def softmax(scores):
    powers = [math.exp(score - max(scores)) for score in scores]
    return [power / sum(powers) for power in powers]


def main():
    chance = random.Random(1)
    shapes = glyphs()
    first, second = Layer(INPUTS, HIDDEN, chance), Layer(HIDDEN, CLASSES, chance)
    right = 0
    for step in range(STEPS):
        digit = chance.randrange(CLASSES)
        dots = picture(shapes[digit], chance)
        features = [max(0.0, value) for value in first.forward(dots)]
        chances = softmax(second.forward(features))
        right += chances[digit] == max(chances)
        gradient = [p - (i == digit) for i, p in enumerate(chances)]
        rate = 0.01 * (1 - step / STEPS)
        before = second.backward(features, gradient, rate)
        first.backward(dots, [g if f > 0 else 0.0 for g, f in zip(before, features)], rate)
        if step % 5000 == 4999:
            print(f"after {step + 1}: {right / 50:.1f} % of the last 5000 right")
            right = 0
    folder = pathlib.Path(__file__).parent
    first.write(folder / "digits-first.bin")
    second.write(folder / "digits-second.bin")


if __name__ == "__main__":
    main()
