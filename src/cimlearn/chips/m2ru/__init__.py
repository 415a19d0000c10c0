"""M2RU: a Minion Recurrent Unit on memristor crossbars that learns on the chip."""
